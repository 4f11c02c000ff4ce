/** Every message between the main process and the preload, by name. */
export const channels = {
  /** Preload → main: here I am; answered with the engine's state, followed by its port. */
  connect: 'reprise:connect',
  samplePath: 'reprise:sample-path',
  restartEngine: 'reprise:restart-engine',
  /** Main → preload. */
  engineState: 'reprise:engine-state',
  enginePort: 'reprise:engine-port',
} as const;
