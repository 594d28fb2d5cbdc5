/** Who is signed in. Asked once at the start and after sign-in; null while nobody is. */
import { shallowRef } from 'vue';
import { logout, me as ask } from '../api/calls';
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

/** The cookie is HttpOnly, so only the server can take it back; whoever stays signed in must see that. */
export async function signOut(): Promise<void> {
  await logout();
  me.value = null;
}
