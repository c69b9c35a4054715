-- Reads entries, and whether the log is finished, in one step. With two steps, a reader could find no more
-- entries and then a finished log, and would miss the entries between. An unfinished log has a key without
-- its id, because the caller of a script that begins one does not know its id beforehand.
-- KEYS session live abandoned log
-- ARGV logId after limit
-- RETURNS status holdsAfter entries...

local state, logId, abandoned =
  unpack(redis.call('HMGET', key.session, 'state', 'logId', 'abandoned'))
local open = (state == 'running' or state == 'waiting') and logId == arg.logId
local log = open and key.live or (abandoned == arg.logId and key.abandoned or key.log)
if state == 'deleted' or redis.call('EXISTS', log) == 0 then return returns({}) end
local from = arg.after == '' and '-' or '(' .. arg.after
local holdsAfter = arg.after == '' or #redis.call('XRANGE', log, arg.after, arg.after) > 0
local entries = {}
for _, entry in ipairs(redis.call('XRANGE', log, from, '+', 'COUNT', arg.limit)) do
  -- Another name is the version of another form.
  if entry[2][1] ~= 'e' then return returns({ status = 'later' }) end
  table.insert(entries, entry[1])
  table.insert(entries, entry[2][2])
end
local more = log ~= key.log or #entries / 2 >= tonumber(arg.limit)
return returns({
  status = more and 'open' or 'finished', holdsAfter = holdsAfter, entries = entries,
})
