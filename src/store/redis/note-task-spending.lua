-- Replaces the spending of a task. It keeps no reply, because a repetition stores the same.
-- KEYS session mail letters known order history messages branches branched claims live abandoned schedules scheduled
-- KEYS tasks unfinishedTasks nestedTasks taskSpent removedTasks
-- ARGV sessionTtlMs task spent
-- RETURNS done
-- USES keep

if redis.call('HEXISTS', key.tasks, arg.task) == 0 then return returns({ done = false }) end
redis.call('HSET', key.taskSpent, arg.task, arg.spent)
keep()
return returns({ done = true })
