-- Returns messages of a segment that forks share.
-- KEYS segment
-- ARGV ids...
-- RETURNS messages...

local messages = {}
for index, id in ipairs(arg.ids) do messages[index] = redis.call('HGET', key.segment, id) end
return returns({ messages = messages })
