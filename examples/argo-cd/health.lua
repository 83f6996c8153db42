-- Health of a ModelDeployment for Argo CD. Its conditions follow kstatus: Stalled is what a person must act on.
-- Suspended: a rollout waits for a person. Degraded: a version was refused, or what serves is in trouble.
local status = obj.status or {}
if status.conditions == nil or status.observedGeneration ~= obj.metadata.generation then
  return { status = "Progressing", message = "Waiting for the Serin operator to look at this generation" }
end

local conditions = {}
for _, condition in ipairs(status.conditions) do
  conditions[condition.type] = condition
end
local function is(kind)
  return conditions[kind] ~= nil and conditions[kind].status == "True"
end
local function told(kind)
  local condition = conditions[kind] or {}
  return (condition.reason or "Unknown") .. ": " .. (condition.message or "no message")
end

local underWay = status.canary ~= nil
if is("Stalled") then
  local waits = underWay and conditions.Stalled.reason == "DeadlineExceeded"
  return { status = waits and "Suspended" or "Degraded", message = told("Stalled") }
end
if underWay then
  local paused = conditions.Ready ~= nil and conditions.Ready.reason == "Paused"
  local message = told("Ready")
  if is("Degraded") then
    message = message .. "; " .. told("Degraded")
  end
  return { status = paused and "Suspended" or "Progressing", message = message }
end
if is("Degraded") then
  -- Pods that only start, when one is replaced or beside a rollout, are no harm while others serve.
  local start = conditions.Degraded.reason == "PodsNotReady" and is("Available")
  return { status = start and "Progressing" or "Degraded", message = told("Degraded") }
end
-- Ready and still reconciled: pods that were added start, or spare ones go step by step.
return { status = is("Ready") and not is("Reconciling") and "Healthy" or "Progressing", message = told("Ready") }
