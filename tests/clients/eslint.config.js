import tseslint from 'typescript-eslint';

export default tseslint.config(
  { ignores: ['build/', 'node_modules/', '.venv/'] },
  {
    files: ['{browser,conformance,inspector,strict,typescript}/**/*.ts'],
    extends: [tseslint.configs.recommendedTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      // Reasons quote whatever came over the wire, whose type nobody knows.
      '@typescript-eslint/restrict-template-expressions': 'off',
    },
  },
);
