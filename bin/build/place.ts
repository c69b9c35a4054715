/** Where the build reads and writes. Everything that it makes is in `dist/`, which git ignores. */
import { join } from 'node:path'

export const root = join(import.meta.dirname, '../..')
const dist = join(root, 'dist')

export const place = {
  dist,
  /** What the package carries, as the sources are laid out. */
  library: join(dist, 'library'),
  /** The command in one file, for machines that have Node. */
  module: join(dist, 'loom.mjs'),
  /** The command with Node inside. */
  executable: join(dist, 'loom'),
  /** The same, compressed; it unpacks itself. */
  selfExtractor: join(dist, 'loom.run'),
  notices: join(dist, 'THIRD-PARTY-NOTICES.txt'),
} as const
