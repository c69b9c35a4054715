/** The files of messages that a store keeps apart from the histories. The stores of `src/store/` keep none. */

/** A file of a message. */
export interface StoredFile {
  /** The media type of the part of the message. */
  mediaType: string
  /** The name of the file. Absent if the client sent none. */
  filename?: string
  /** The begin of its `data:` URL: the text before the comma. */
  head: string
  /** The content of the file. */
  bytes: Buffer
}

/** A store that keeps files apart. */
export interface FileReader {
  /**
   * Returns a file of a message of the session by the SHA-256 of its content. Returns undefined if the session has no
   * such file.
   */
  file(sessionId: string, hash: string): Promise<StoredFile | undefined>
  /** Returns the hashes of all files of the session. */
  fileHashes(sessionId: string): Promise<string[]>
}

export const readsFiles = (store: object): store is FileReader => 'file' in store
