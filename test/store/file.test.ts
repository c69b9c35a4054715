import { describe } from 'vitest'

import { openFileStore } from '../../src/store/file.ts'
import { storeContract } from './contract.ts'
import { newFolder } from './stored-folder.ts'

describe('the store in files', () => {
  storeContract(async (bounds) => openFileStore({ folder: await newFolder(), ...bounds }), {
    runs: 40,
  })
})
