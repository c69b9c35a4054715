-- Returns the place of a posted letter. `as` is '' if the session does not remember it.
-- KEYS session mail letters known
-- ARGV id
-- RETURNS as replyId
-- USES letter

local queued = redis.call('HGET', key.letters, arg.id)
if queued then return returns({ as = 'queued', replyId = letterOf(queued).replyId }) end
local value = redis.call('HGET', key.known, arg.id)
if not value then return returns({}) end
local names = { d = 'done', w = 'withdrawn', c = 'cut' }
-- The form is that of `part/known.lua`.
local flag, replyId = string.match(value, '^(%l)([^\n]*)')
return returns({ as = names[flag], replyId = replyId })
