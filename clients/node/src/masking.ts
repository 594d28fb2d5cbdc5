/**
 * Which field names hold secrets. The same rules as the edge's own, held together by `clients/vectors/masking.json`.
 *
 * What was decided of a name is remembered for up to `MOST_REMEMBERED` names: an application has few, and a map with
 * keys made of data must not grow for ever.
 */

/** Stands in for what was masked. Its length says nothing of the value's. */
export const MASK = '***';

export const MOST_REMEMBERED = 4_096;
const MOST_PARAMETER_CHARS = 64;

/** A name that contains one of these (lower case, without separators) is sensitive. */
const PARTS =
  'password passwd passphrase passcode secret token authorization cookie credential privatekey apikey accesskey signingkey cardno cardnum creditcard bankcard debitcard accountno bankaccount iban idcard idnumber idno identitycard identityno nationalid certno passport socialsecurity securitycode verificationcode verifycode smscode 密码 口令 密钥 令牌 身份证 证件号 护照号 银行卡 卡号 安全码 验证码'.split(
    ' ',
  );

/** A name that has one of these as a whole word is sensitive. */
const WORDS = new Set('pwd pass pan pin cvv cvv2 cvc otp ssn auth bearer card'.split(' '));

const PHONES = ['phone', 'mobile', 'telephone', '手机', '电话'];

export interface MaskingRules {
  names?: readonly string[];
  except?: readonly string[];
  phones?: boolean;
}

export class Masking {
  private readonly parts: readonly string[];
  private readonly except: ReadonlySet<string>;
  private readonly remembered = new Map<string, boolean>();

  constructor({ names = [], except = [], phones = false }: MaskingRules = {}) {
    const own = names.map((name) => name.toLowerCase()).filter((name) => name !== '');
    this.parts = [...PARTS, ...own, ...(phones ? PHONES : [])];
    this.except = new Set(except);
  }

  /** Whether the value under this name is masked. */
  isSensitive(name: string): boolean {
    const known = this.remembered.get(name);
    if (known !== undefined) return known;
    const sensitive = this.decide(name);
    if (this.remembered.size < MOST_REMEMBERED) this.remembered.set(name, sensitive);
    return sensitive;
  }

  private decide(name: string): boolean {
    if (this.except.has(name)) return false;
    const plain = name.replace(/[^\p{L}\p{N}]/gu, '').toLowerCase();
    return this.parts.some((part) => plain.includes(part)) || words(name).some((word) => WORDS.has(word));
  }

  /** A query string or address with its sensitive parameters masked; the same text where there are none. */
  cleanQuery(text: string): string {
    if (!text.includes('=')) return text;
    return text.replace(/([^&?;#=]+)=([^&?;#]+)/g, (whole, name: string, value: string) => {
      const isParameter = name.length <= MOST_PARAMETER_CHARS && !/\s/.test(name);
      return isParameter && value !== MASK && this.isSensitive(name) ? `${name}=${MASK}` : whole;
    });
  }
}

/** The words of `userPwd`, `user_pwd`, `user-pwd`, `user.pwd`, in lower case. */
function words(name: string): string[] {
  return name
    .replace(/([\p{Ll}0-9])(\p{Lu})/gu, '$1 $2')
    .split(/[^\p{L}\p{N}]+/u)
    .map((word) => word.toLowerCase());
}
