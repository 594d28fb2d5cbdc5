/** Addresses of the console. They are links in tickets and reports, so they only ever get more. */
import { createRouter, createWebHistory } from 'vue-router';
import { onSignedOut } from './api/client';

export const router = createRouter({
  history: createWebHistory(),
  routes: [
    { path: '/', redirect: '/sessions' },
    { path: '/sign-in', name: 'sign-in', component: () => import('./account/SignInPage.vue') },
    { path: '/sessions', name: 'sessions', component: () => import('./sessions/SessionsPage.vue') },
    { path: '/replays/:session_id', name: 'replay', component: () => import('./replay/ReplayPage.vue') },
    { path: '/audit', name: 'audit', component: () => import('./audit/AuditPage.vue') },
    { path: '/audit/:id', name: 'audit-event', component: () => import('./audit/AuditEventPage.vue') },
    { path: '/sql', name: 'sql', component: () => import('./sql/SqlPage.vue') },
    { path: '/setup', name: 'setup', component: () => import('./setup/SetupPage.vue') },
    { path: '/r/:type/:id', name: 'case', component: () => import('./case/CasePage.vue') },
    { path: '/:rest(.*)*', name: 'not-found', component: () => import('./NotFoundPage.vue') },
  ],
  scrollBehavior: (_to, _from, saved) => saved ?? { top: 0 },
});

/** Back to where one was: only an address of our own, so that a link can't send a reader elsewhere after sign-in. */
export function safeBack(back: unknown): string {
  return typeof back === 'string' && /^\/(?![/\\])/.test(back) ? back : '/sessions';
}

onSignedOut(() => {
  const { name, fullPath } = router.currentRoute.value;
  if (name !== 'sign-in') void router.push({ name: 'sign-in', query: { back: fullPath } });
});
