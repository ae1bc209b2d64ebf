// @ts-check
/**
 * electron-builder's afterPack: sets the fuses of the packed Electron, so that the shipped app can be turned neither into
 * a plain Node.js nor into a debuggee, and runs nothing but its own archive.
 */
const { join } = require('node:path');
const { flipFuses, FuseV1Options, FuseVersion, getCurrentFuseWire } = require('@electron/fuses');

/** @param {import('electron-builder').AfterPackContext} context */
module.exports = async function setFuses({ electronPlatformName, appOutDir, packager }) {
  const name = packager.appInfo.productFilename;
  const executables = { darwin: `${name}.app`, win32: `${name}.exe`, linux: 'conclave' };
  const executable = join(appOutDir, Reflect.get(executables, electronPlatformName));
  const wire = await getCurrentFuseWire(executable);
  /** @type {import('@electron/fuses').FuseV1Config} */
  const fuses = {
    version: FuseVersion.V1,
    // A fuse that is not decided on here fails the build.
    strictlyRequireAllFuses: true,
    resetAdHocDarwinSignature: electronPlatformName === 'darwin',
    [FuseV1Options.RunAsNode]: false,
    [FuseV1Options.EnableCookieEncryption]: true,
    [FuseV1Options.EnableNodeOptionsEnvironmentVariable]: false,
    [FuseV1Options.EnableNodeCliInspectArguments]: false,
    [FuseV1Options.EnableEmbeddedAsarIntegrityValidation]: true,
    [FuseV1Options.OnlyLoadAppFromAsar]: true,
    [FuseV1Options.LoadBrowserProcessSpecificV8Snapshot]: false,
    [FuseV1Options.GrantFileProtocolExtraPrivileges]: false,
    [FuseV1Options.WasmTrapHandlers]: true,
  };
  // The youngest of them: the Electron that stands in for tests lacks it, and setting what is not there fails.
  if (!(FuseV1Options.WasmTrapHandlers in wire))
    Reflect.deleteProperty(fuses, FuseV1Options.WasmTrapHandlers);
  await flipFuses(executable, fuses);
};
