/**
 * The import direction of the source tree: who may know whom. `protocol` knows nobody; `io` are the shells that the app
 * and the services share.
 *
 * @type {import('dependency-cruiser').IConfiguration}
 */
module.exports = {
  forbidden: [
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    { name: 'resolvable', severity: 'error', from: { path: '^src' }, to: { couldNotResolve: true } },
    {
      name: 'protocol-knows-only-itself',
      severity: 'error',
      from: { path: '^src/protocol' },
      to: { path: '^(src|test|scripts|native)/', pathNot: '^src/protocol' },
    },
    {
      name: 'protocol-without-platform',
      comment: 'No Node, and of npm only the pure @noble packages.',
      severity: 'error',
      from: { path: '^src/protocol' },
      to: {
        dependencyTypes: ['core', 'npm', 'npm-dev', 'npm-optional', 'npm-peer', 'npm-no-pkg', 'npm-unknown'],
        pathNot: '(^|/)@noble/',
      },
    },
    {
      name: 'bytes-is-lowest',
      severity: 'error',
      from: { path: '^src/protocol/bytes' },
      to: { path: '^src/protocol', pathNot: '^src/protocol/(bytes|errors|units)' },
    },
    {
      name: 'moqt-knows-no-relay',
      comment: 'Nor what its objects are for: client and relay both run it.',
      severity: 'error',
      from: { path: '^src/protocol/moqt/' },
      to: { path: '^src/protocol/', pathNot: '^src/protocol/(moqt/|bytes/|errors|units|machine|tasks)' },
    },
    {
      name: 'relay-core-knows-no-keys',
      comment: 'It knows tracks as bytes; names and their meaning come in as a policy.',
      severity: 'error',
      from: { path: '^src/protocol/relay/' },
      to: { path: '^src/protocol/', pathNot: '^src/protocol/(relay/|moqt/|bytes/|errors|units|machine)' },
    },
    {
      name: 'app-knows-no-relay',
      severity: 'error',
      from: { path: '^src', pathNot: '^src/(protocol/relay|services/relay)/' },
      to: { path: '^src/protocol/relay/' },
    },
    {
      name: 'meeting-is-on-top',
      comment: 'It composes the protocols; none of them, and no service, knows it.',
      severity: 'error',
      from: { path: '^src', pathNot: '^src/(protocol/meeting|main)/' },
      to: { path: '^src/protocol/meeting/' },
    },
    {
      name: 'draft-is-chosen-once',
      comment: 'The negotiation picks a draft; everybody else reaches its wire format through `Draft`.',
      severity: 'error',
      from: { path: '^src', pathNot: '^src/protocol/moqt/(draft18/|drafts[.]ts$)' },
      to: { path: '^src/protocol/moqt/draft18/' },
    },
    {
      name: 'io-is-shared',
      severity: 'error',
      from: { path: '^src/io' },
      to: { path: '^src/', pathNot: '^src/(io|protocol)/' },
    },
    {
      name: 'io-without-electron',
      comment: 'The services run it in plain Node.',
      severity: 'error',
      from: { path: '^src/(io|services|contract)' },
      to: { path: '(^|/)(electron|keytar)(/|$)', dependencyTypesNot: ['local'] },
    },
    {
      name: 'services-know-no-app',
      severity: 'error',
      from: { path: '^src/services' },
      to: { path: '^src/', pathNot: '^src/(services|io|protocol)/' },
    },
    {
      name: 'relay-knows-no-keys',
      comment: 'Of meetings it may know two things, in its policy alone: the names of tracks, and passes.',
      severity: 'error',
      from: {
        path: '^src/services/relay',
        pathNot: '^src/services/relay/(meeting-tracks|pass-access|authorities)[.]ts$',
      },
      to: { path: '^src/(protocol/(group|secure-objects|media|counter)|services/counter)' },
    },
    {
      name: 'relay-policy-knows-names-and-passes',
      severity: 'error',
      from: { path: '^src/services/relay/(meeting-tracks|pass-access|authorities)[.]ts$' },
      to: {
        path: '^src/(protocol/(group|secure-objects|media|counter)|services/counter)',
        pathNot: '^src/protocol/group/(names|relay-pass|crypto-port)[.]ts$',
      },
    },
    {
      name: 'counter-knows-no-relay',
      severity: 'error',
      from: { path: '^src/services/counter' },
      to: { path: '^src/(protocol/(moqt|group|secure-objects|media)|services/relay)' },
    },
    {
      name: 'main-knows-no-window',
      severity: 'error',
      from: { path: '^src/main' },
      to: { path: '^src/', pathNot: '^src/(main|io|contract|protocol)/' },
    },
    {
      name: 'contract-is-types',
      severity: 'error',
      from: { path: '^src/contract' },
      to: { path: '^src/', pathNot: '^src/(contract/|protocol/(media/|units|errors|bytes/))' },
    },
    {
      name: 'preload-is-a-bridge',
      severity: 'error',
      from: { path: '^src/preload' },
      to: { path: '^src/', pathNot: '^src/(preload|contract)/' },
    },
    {
      name: 'renderer-knows-contract-and-media',
      severity: 'error',
      from: { path: '^src/renderer' },
      to: { path: '^src/', pathNot: '^src/(renderer/|contract/|protocol/(media/|units|errors|bytes/))' },
    },
    {
      name: 'renderer-without-node',
      severity: 'error',
      from: { path: '^src/renderer' },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'renderer-without-electron',
      severity: 'error',
      from: { path: '^src/renderer' },
      to: { path: '(^|/)(electron|keytar|libsql)(/|$)', dependencyTypesNot: ['local'] },
    },
    {
      name: 'source-without-tests',
      severity: 'error',
      from: { path: '^src' },
      to: { path: '^(test|scripts)/' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.node.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['svelte', 'import', 'require', 'node', 'default', 'types'],
      extensions: ['.ts', '.svelte', '.js', '.mjs', '.cjs', '.json', '.d.ts'],
    },
  },
};
