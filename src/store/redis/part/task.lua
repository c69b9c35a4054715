-- A session with the id of a task exists only while its tree has the task.

local function isNoTask()
  return arg.task ~= '' and redis.call('HEXISTS', key.rootTasks, arg.task) == 0
end
