import prettier from 'eslint-config-prettier';
import globals from 'globals';
import ts from 'typescript-eslint';

export default ts.config(
  { ignores: ['dist', 'node_modules'] },
  ...ts.configs.strict,
  ...ts.configs.stylistic,
  { languageOptions: { globals: { ...globals.browser } } },
  { files: ['*.js', 'e2e/**/*.ts'], languageOptions: { globals: { ...globals.node } } },
  prettier,
);
