// @ts-check
/**
 * electron-builder's afterPack: sets the fuses of the packed Electron, so that the shipped app can be turned neither into
 * a plain Node.js nor into a debuggee, and runs nothing but its own archive.
 */
const { join } = require('node:path');
const { flipFuses, FuseV1Options, FuseVersion } = require('@electron/fuses');

/** @param {import('electron-builder').AfterPackContext} context */
module.exports = async function setFuses({ electronPlatformName, appOutDir, packager }) {
  const name = packager.appInfo.productFilename;
  const executables = { darwin: `${name}.app`, win32: `${name}.exe`, linux: 'conclave' };
  const executable = Reflect.get(executables, electronPlatformName);
  /** @type {import('@electron/fuses').FuseV1Config} */
  const fuses = {
    version: FuseVersion.V1,
    resetAdHocDarwinSignature: electronPlatformName === 'darwin',
    [FuseV1Options.RunAsNode]: false,
    [FuseV1Options.EnableCookieEncryption]: true,
    [FuseV1Options.EnableNodeOptionsEnvironmentVariable]: false,
    [FuseV1Options.EnableNodeCliInspectArguments]: false,
    [FuseV1Options.EnableEmbeddedAsarIntegrityValidation]: true,
    [FuseV1Options.OnlyLoadAppFromAsar]: true,
    [FuseV1Options.LoadBrowserProcessSpecificV8Snapshot]: false,
  };
  if (!String(packager.config.electronVersion ?? '').startsWith('22.')) {
    // A fuse that is not decided on here fails the build. The old Electron lacks these two.
    Object.assign(fuses, {
      strictlyRequireAllFuses: true,
      [FuseV1Options.GrantFileProtocolExtraPrivileges]: false,
      [FuseV1Options.WasmTrapHandlers]: true,
    });
  }
  await flipFuses(join(appOutDir, executable), fuses);
};
