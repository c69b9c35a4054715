import { describe } from 'vitest'

import { openFileStore } from '../../src/store/file.ts'
import { storeContract } from './contract.ts'
import { newFolder } from './stored-folder.ts'

describe('the store in files', () => {
  // With compact messages.
  storeContract(
    async (bounds) => openFileStore({ folder: await newFolder(), rollbackMs: 0, ...bounds }),
    {
      runs: 40,
    },
  )
})
