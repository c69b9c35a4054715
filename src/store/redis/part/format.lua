-- The format of a session: `format.ts` has the same number.

local format = '1'
