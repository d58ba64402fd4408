using System.Runtime.CompilerServices;
using System.Runtime.ExceptionServices;

namespace Runcvm.Linux.Processes;

/// <summary>The .NET runtime starts its finalizer thread before the first line of a program runs. What belongs to a thread (signal mask,
/// capabilities) must be set there as well.</summary>
internal static class FinalizerThread
{
    /// <summary>Runs a step on that thread, waits for it, and throws what it threw.</summary>
    internal static void Run(Action step)
    {
        ExceptionDispatchInfo? failure = null;
        Leave(() =>
        {
            try
            {
                step();
            }
            catch (Exception e)
            {
                failure = ExceptionDispatchInfo.Capture(e);
            }
        });
        GC.Collect();
        GC.WaitForPendingFinalizers();
        failure?.Throw();
    }

    // Not inlined, so that nothing of the caller's frame still refers to the object.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Leave(Action step) => _ = new Errand(step);

    private sealed class Errand(Action step)
    {
        ~Errand() => step();
    }
}
