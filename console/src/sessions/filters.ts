/** The filters of the sessions list as they stand in the page's address, and as the API takes them. */
import type { LocationQuery } from 'vue-router';
import type { Query } from '../api/client';

export interface Filters {
  from: string;
  to: string;
  user: string;
  reference: string;
  url: string;
  state: string;
  errors: boolean;
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

export function fromAddress(query: LocationQuery): Filters {
  return {
    from: text(query['from']),
    to: text(query['to']),
    user: text(query['user']),
    reference: text(query['reference']),
    url: text(query['url']),
    state: text(query['state']),
    errors: query['has'] === 'error',
  };
}

export function toQuery(filters: Filters): Query {
  const { errors, ...rest } = filters;
  return { ...rest, has: errors ? 'error' : '' };
}

/** Only what is set, so that a plain list has a plain address. */
export function toAddress(filters: Filters): Record<string, string> {
  return Object.fromEntries(
    Object.entries(toQuery(filters))
      .map(([name, value]) => [name, String(value)] as const)
      .filter(([, value]) => value !== ''),
  );
}
