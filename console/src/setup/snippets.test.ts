import { describe, expect, it } from 'vitest';
import { packageCode, scriptTag, serviceCode, SERVICES, type Choices } from './snippets';

const choices: Choices = {
  server: 'https://h.example/',
  key: 'hs_browser_1',
  source: '',
  release: '',
  consent: false,
};

describe('scriptTag', () => {
  it('says no more than was chosen', () => {
    expect(scriptTag(choices)).toBe('<script src="https://h.example/sdk.js?id=hs_browser_1"></script>');
    expect(scriptTag({ ...choices, source: 'shop', release: '1.4', consent: true })).toBe(
      '<script src="https://h.example/sdk.js?id=hs_browser_1&amp;source=shop" data-release="1.4" data-consent="required"></script>',
    );
  });
  it('is one tag, whatever is typed', () => {
    const tag = scriptTag({ ...choices, source: '"><b>&', release: '"><i>' });
    const { content } = Object.assign(document.createElement('template'), { innerHTML: tag });
    expect(content.childElementCount).toBe(1);
    const script = content.firstElementChild as HTMLScriptElement;
    expect(new URL(script.src).searchParams.get('source')).toBe('"><b>&');
    expect(script.dataset['release']).toBe('"><i>');
  });
});

describe('packageCode', () => {
  it('is code, whatever is typed', () => {
    const code = packageCode({ ...choices, source: "o'clock \\", consent: true });
    expect(code).toContain(`source: 'o\\'clock \\\\',`);
    expect(code).toContain(`consent: 'required',`);
    expect(code).not.toContain('release');
  });
});

it('each service is told the address, and no key', () => {
  for (const service of SERVICES) {
    expect(serviceCode(service, 'https://h.example/')).toMatch(/https:\/\/h\.example(?!\/["'\n])/);
    expect(serviceCode(service, 'https://h.example/')).not.toContain('hs_');
  }
});
