using System.Runtime.CompilerServices;

namespace Runcvm.Linux.Events;

/// <summary>Gives a task that nobody awaits an owner, who is told if it fails.</summary>
public static class TaskOwner
{
    /// <summary>Tells of the failure of this task, where it was begun: on the loop, if that has the context.</summary>
    /// <param name="task">that goes on beside what its owner does</param>
    /// <param name="tell">gets what it failed with</param>
    public static void OnFailure(this Task task, Action<Exception> tell)
    {
        TaskAwaiter awaiter = task.GetAwaiter();
        if (awaiter.IsCompleted) Take();
        else awaiter.OnCompleted(Take);

        void Take()
        {
            if (task.Exception is { } failure) tell(failure.InnerException ?? failure);
        }
    }
}
