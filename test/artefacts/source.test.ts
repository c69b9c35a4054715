import { source } from './built.ts'
import { commandSuite } from './command-suite.ts'

commandSuite(source)
