/** The Lua files of this folder. */
import { assetFolder } from '../../ground/asset.ts'

export const scriptFiles: (name: string) => Buffer | undefined = assetFolder('src/store/redis')
