const kebab = /^\.?[a-z0-9]+(-[a-z0-9]+)*(\.[a-z0-9]+)*$/;
const pascal = /^[A-Z][A-Za-z0-9]*\.svelte$/;
const vague = /^(utils?|helpers?|misc|common|manager)\.|[-](utils?|helpers?|manager)\./;

/** File names are kebab-case (components: PascalCase) and say what is inside. */
export const fileName = {
  meta: {
    type: 'suggestion',
    schema: [],
    messages: {
      shape: "File names are kebab-case, Svelte components PascalCase: '{{name}}' is neither.",
      vague: "'{{name}}' does not say what is inside.",
    },
  },
  create(context) {
    const name = context.filename.split(/[\\/]/).at(-1);
    return {
      Program(node) {
        if (!kebab.test(name) && !pascal.test(name))
          context.report({ node, messageId: 'shape', data: { name } });
        if (vague.test(name)) context.report({ node, messageId: 'vague', data: { name } });
      },
    };
  },
};
