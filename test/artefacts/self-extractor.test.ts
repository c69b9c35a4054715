import { selfExtractor } from './built.ts'
import { commandSuite } from './command-suite.ts'

commandSuite(selfExtractor)
