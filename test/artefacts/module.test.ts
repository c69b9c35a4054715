import { module } from './built.ts'
import { commandSuite } from './command-suite.ts'

commandSuite(module)
