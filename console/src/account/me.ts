/** Who is signed in. Asked once at the start and after sign-in; null while nobody is. */
import { shallowRef } from 'vue';
import { me as ask } from '../api/calls';
import { ApiError } from '../api/client';
import type { Me } from '../api/types';

export const me = shallowRef<Me | null>(null);

/** True when somebody is signed in; a server that can't be reached is told by the page that needs it. */
export async function whoAmI(): Promise<boolean> {
  try {
    me.value = await ask();
    return true;
  } catch (error) {
    me.value = null;
    return !(error instanceof ApiError && error.status === 401);
  }
}

export function displayName(who: Me): string {
  return who.name ?? who.user_id ?? who.kind ?? who.role ?? '';
}
