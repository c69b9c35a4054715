/** The input of readline. */
import { Readable } from 'node:stream'

/**
 * Passes each key on at once. It has no `setRawMode`, so readline cannot change the terminal
 * through it.
 */
export class LineFeed extends Readable {
  override _read(): void {}

  give(keys: string): void {
    if (keys !== '') this.emit('data', Buffer.from(keys))
  }
}
