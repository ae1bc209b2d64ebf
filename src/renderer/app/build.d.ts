interface ImportMetaEnv {
  /** Version of the Electron that Conclave ships with; the build puts it here. */
  readonly SHIPPED_ELECTRON: string;
}
