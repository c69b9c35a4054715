import { executable } from './built.ts'
import { commandSuite } from './command-suite.ts'

commandSuite(executable)
