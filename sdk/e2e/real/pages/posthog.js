// As docs/recording.md says. The user agent of a headless browser is filtered by posthog-js otherwise.
import posthog from 'posthog-js';
import 'posthog-js/dist/posthog-recorder';

posthog.init(window.test.key, {
  api_host: window.test.server,
  disable_surveys: true,
  opt_out_useragent_filter: true,
});
window.test.posthog = posthog;
