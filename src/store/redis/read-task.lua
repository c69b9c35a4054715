-- Returns a task of a tree. `state` is '' if the tree lacks it.
-- KEYS tasks unfinishedTasks nestedTasks taskSpent
-- ARGV task
-- RETURNS content state spent
-- USES tree

local parent = parentOf(arg.task)
if not parent then return returns({}) end
return returns({
  content = redis.call('HGET', key.tasks, arg.task),
  state = taskState(arg.task, parent),
  spent = redis.call('HGET', key.taskSpent, arg.task),
})
