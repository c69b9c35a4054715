/**
 * The files inside a single-file artefact. This module has none, because the sources and the
 * package have their files beside them. The build replaces this module.
 */
export interface Embedded {
  /** Returns undefined if the artefact has no file of this path. */
  read: (path: string) => Uint8Array | undefined
}

export const embedded: Embedded | undefined = undefined
