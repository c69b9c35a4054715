-- Notes the spending of the unfinished message of a session, for its owner. It keeps no reply, because a repetition
-- stores the same.
-- KEYS session rootSession rootTasks rootTaskSpent
-- ARGV claim task unfinished
-- RETURNS done
-- USES tree-spending note-spending

local state, claim = unpack(redis.call('HMGET', key.session, 'state', 'claim'))
if state ~= 'running' or claim ~= arg.claim then return returns({ done = false }) end
noteUnfinished(arg.unfinished)
return returns({ done = true })
