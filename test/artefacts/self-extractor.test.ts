/**
 * The self-extractor, and so the executable too: a start of `dist/loom.run` becomes a process of the
 * unpacked program, whose bytes are those of `dist/loom` (`unpacking.test.ts`). `bare-root.test.ts`
 * starts `dist/loom` itself.
 */
import { selfExtractor } from './built.ts'
import { commandSuite } from './command-suite.ts'

commandSuite(selfExtractor)
