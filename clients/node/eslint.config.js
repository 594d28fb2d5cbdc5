import prettier from 'eslint-config-prettier';
import ts from 'typescript-eslint';

export default ts.config(
  { ignores: ['dist', 'node_modules'] },
  ...ts.configs.strict,
  ...ts.configs.stylistic,
  prettier,
);
