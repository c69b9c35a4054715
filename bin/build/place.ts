/** The paths of the build. All its output is in `dist/`, which git ignores. */
import { join } from 'node:path'

export const root = join(import.meta.dirname, '../..')
const dist = join(root, 'dist')

export const place = {
  dist,
  /** The built library of the package, in the same folders as the sources. */
  library: join(dist, 'library'),
  /** The command in one file, for machines that have Node.js. */
  module: join(dist, 'loom.mjs'),
  /** The command together with Node.js. */
  executable: join(dist, 'loom'),
  /** The compressed executable, which unpacks itself. */
  selfExtractor: join(dist, 'loom.run'),
  /** The command together with Node.js for macOS on Apple silicon, which unpacks itself. */
  macos: join(dist, 'loom-macos-arm64.run'),
  notices: join(dist, 'THIRD-PARTY-NOTICES.txt'),
} as const
