-- Moves sessions from the index of a lapsed instance to that of another. It is one step, so that every
-- session is always in one of the two. The lapsed instance leaves the register with its last session.
-- KEYS register from to
-- ARGV keptMs instance limit
-- RETURNS sessions...
-- USES clock

local deadline = redis.call('ZSCORE', key.register, arg.instance)
if deadline and tonumber(deadline) > now() then return returns({}) end
local sessions = redis.call('SPOP', key.from, arg.limit)
for _, session in ipairs(sessions) do
  redis.call('SADD', key.to, session)
end
redis.call('PEXPIRE', key.to, arg.keptMs)
if redis.call('EXISTS', key.from) == 0 then redis.call('ZREM', key.register, arg.instance) end
return returns({ sessions = sessions })
