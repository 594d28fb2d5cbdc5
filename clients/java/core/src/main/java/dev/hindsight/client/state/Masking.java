package dev.hindsight.client.state;

import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Which field names hold secrets. The same rules as the edge's own, held together by {@code clients/vectors/masking.json}.
 *
 * <p>What was decided of a name is remembered for up to {@link #MOST_REMEMBERED} names: an application has few, and a map
 * with keys made of data must not grow for ever. Thread-safe. Not part of the API.
 */
public final class Masking {

    /** Stands in for what was masked. Its length says nothing of the value's. */
    public static final String MASK = "***";

    static final int MOST_REMEMBERED = 4_096;
    private static final int MOST_PARAMETER_CHARS = 64;

    /** A name that contains one of these (lower case, without separators) is sensitive. */
    private static final List<String> PARTS = List.of(
            "password", "passwd", "passphrase", "passcode", "secret", "token", "authorization", "cookie", "credential",
            "privatekey", "apikey", "accesskey", "signingkey", "cardno", "cardnum", "creditcard", "bankcard", "debitcard",
            "accountno", "bankaccount", "iban", "idcard", "idnumber", "idno", "identitycard", "identityno", "nationalid",
            "certno", "passport", "socialsecurity", "securitycode", "verificationcode", "verifycode", "smscode", "密码", "口令",
            "密钥", "令牌", "身份证", "证件号", "护照号", "银行卡", "卡号", "安全码", "验证码");

    /** A name that has one of these as a whole word is sensitive. */
    private static final Set<String> WORDS =
            Set.of("pwd", "pass", "pan", "pin", "cvv", "cvv2", "cvc", "otp", "ssn", "auth", "bearer", "card");

    private static final List<String> PHONES = List.of("phone", "mobile", "telephone", "手机", "电话");

    private final List<String> ownParts;
    private final Set<String> except;
    private final boolean phones;
    private final ConcurrentHashMap<String, Boolean> remembered = new ConcurrentHashMap<>();

    /** Further parts of names, names never masked, and whether telephone numbers are. */
    public Masking(Set<String> names, Set<String> except, boolean phones) {
        this.ownParts = names.stream().map(name -> name.toLowerCase(Locale.ROOT)).filter(name -> !name.isEmpty()).toList();
        this.except = Set.copyOf(except);
        this.phones = phones;
    }

    /** Whether the value under this name is masked. */
    public boolean isSensitive(String name) {
        Boolean known = remembered.get(name);
        if (known != null) {
            return known;
        }
        boolean sensitive = decide(name);
        if (remembered.size() < MOST_REMEMBERED) {
            remembered.put(name, sensitive);
        }
        return sensitive;
    }

    private boolean decide(String name) {
        if (except.contains(name)) {
            return false;
        }
        String plain = plain(name);
        return PARTS.stream().anyMatch(plain::contains)
                || hasWord(name)
                || (phones && PHONES.stream().anyMatch(plain::contains))
                || ownParts.stream().anyMatch(plain::contains);
    }

    private static String plain(String name) {
        StringBuilder plain = new StringBuilder(name.length());
        name.codePoints().filter(Character::isLetterOrDigit).forEach(plain::appendCodePoint);
        return plain.toString().toLowerCase(Locale.ROOT);
    }

    /** Looks at the words of {@code userPwd}, {@code user_pwd}, {@code user-pwd}, {@code user.pwd}. */
    private static boolean hasWord(String name) {
        StringBuilder word = new StringBuilder();
        boolean afterLower = false;
        for (int at = 0; at <= name.length(); at++) {
            char letter = at < name.length() ? name.charAt(at) : ' ';
            boolean isPart = Character.isLetterOrDigit(letter);
            if (!isPart || (Character.isUpperCase(letter) && afterLower)) {
                if (WORDS.contains(word.toString().toLowerCase(Locale.ROOT))) {
                    return true;
                }
                word.setLength(0);
            }
            if (isPart) {
                word.append(letter);
            }
            afterLower = Character.isLowerCase(letter) || (letter >= '0' && letter <= '9');
        }
        return false;
    }

    /** A query string or address with its sensitive parameters masked; the same text where there are none. */
    public String cleanQuery(String text) {
        if (text.indexOf('=') < 0) {
            return text;
        }
        StringBuilder clean = null;
        int copied = 0;
        for (int start = 0, end; start < text.length(); start = end + 1) {
            end = endOfPart(text, start);
            int equals = text.indexOf('=', start);
            if (equals < 0) {
                break;
            }
            if (equals < end && isOpenParameter(text, start, equals, end)) {
                clean = clean == null ? new StringBuilder(text.length()) : clean;
                clean.append(text, copied, equals + 1).append(MASK);
                copied = end;
            }
        }
        return clean == null ? text : clean.append(text, copied, text.length()).toString();
    }

    private boolean isOpenParameter(String text, int start, int equals, int end) {
        int nameChars = equals - start;
        if (nameChars == 0 || nameChars > MOST_PARAMETER_CHARS || equals + 1 == end) {
            return false;
        }
        String name = text.substring(start, equals);
        return name.chars().noneMatch(Character::isWhitespace)
                && !text.substring(equals + 1, end).equals(MASK)
                && isSensitive(name);
    }

    private static int endOfPart(String text, int from) {
        for (int at = from; at < text.length(); at++) {
            if ("&?;#".indexOf(text.charAt(at)) >= 0) {
                return at;
            }
        }
        return text.length();
    }
}
