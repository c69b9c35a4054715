-- Moves a session to those that wait for an instance with an agent. It is one step, so that the session is
-- always in one of the two indexes. The instances get one hint, when the session is added.
-- KEYS register from waiting
-- ARGV keptMs session
-- RETURNS done

redis.call('SREM', key.from, arg.session)
local isNew = redis.call('SADD', key.waiting, arg.session) == 1
redis.call('PEXPIRE', key.waiting, arg.keptMs)
if isNew then redis.call('SPUBLISH', key.register .. '!left', 'passed') end
return returns({ done = true })
