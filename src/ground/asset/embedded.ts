/**
 * What an artefact of one file carries inside. Here it is nothing: the sources and the package have
 * their files beside them. The build puts a module of its own in the place of this one.
 */
export interface Embedded {
  /** Undefined where it carries nothing of this path. */
  read: (path: string) => Uint8Array | undefined
}

export const embedded: Embedded | undefined = undefined
