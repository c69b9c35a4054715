-- Renews the TTL of a root after a use of one of its tasks. The mark of a deleted root keeps its TTL.
-- KEYS session mail letters known order history messages branches branched claims live abandoned schedules scheduled
-- KEYS tasks unfinishedTasks nestedTasks taskSpent removedTasks
-- ARGV sessionTtlMs
-- RETURNS done
-- USES keep

local state = redis.call('HGET', key.session, 'state')
if not state or state == 'deleted' then return returns({ done = false }) end
keep()
return returns({ done = true })
