/** Leaves alone what only a bug of our own could reach: no test can notice it. */
import { declareValuePlugin, PluginKind } from '@stryker-mutator/api/plugin';

export const strykerPlugins = [
  declareValuePlugin(PluginKind.Ignore, 'own-bugs', {
    shouldIgnore(path) {
      const isInvariant = path.isCallExpression() && path.get('callee').isIdentifier({ name: 'invariant' });
      const isInvariantError =
        path.isNewExpression() && path.get('callee').isIdentifier({ name: 'InvariantError' });
      return isInvariant || isInvariantError ? 'reached by a bug of our own only' : undefined;
    },
  }),
];
