-- Moves a session to those that wait for an instance with some agent. One step, so that it is always in
-- one of the two. Instances are told once, when it comes there.
-- KEYS register from waiting
-- ARGV keptMs session
-- RETURNS done

redis.call('SREM', key.from, arg.session)
local isNew = redis.call('SADD', key.waiting, arg.session) == 1
redis.call('PEXPIRE', key.waiting, arg.keptMs)
if isNew then redis.call('SPUBLISH', key.register .. '!left', '') end
return returns({ done = true })
