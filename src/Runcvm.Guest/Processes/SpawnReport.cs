namespace Runcvm.Guest.Processes;

/// <summary>What `runcvm-init spawn` and the boot process agree on: where orders come from, and how a report begins.
/// A program that took the place of the spawning one reports by closing the file.</summary>
internal static class SpawnReport
{
    /// <summary>The descriptor that orders come from.</summary>
    internal const int OrdersFile = 3;

    /// <summary>A report that begins so goes on with the id of the child that was started, in the boot process's PID
    /// namespace. Others begin with an exit code.</summary>
    internal const byte Started = 0;

    /// <summary>The report of a container's first process that waits just before its program; more may
    /// follow.</summary>
    internal const byte Ready = 255;

    internal const string Died =
        "the program that starts processes in the guest ended early; the guest may be out of memory";
}
