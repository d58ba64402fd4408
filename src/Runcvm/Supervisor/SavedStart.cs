using Microsoft.Win32.SafeHandles;
using Runcvm.Linux.Processes;

namespace Runcvm.Supervisor;

/// <summary>What it takes to go on from a saved machine or a template.</summary>
/// <param name="File">that machine, open for reading</param>
/// <param name="Spare">a compartment for the hypervisor that boots in its place should that fail. One of its own, since
/// the end of the first process in a PID namespace is that of all others there. Null for a template: nothing takes the
/// place of what ran in that.</param>
internal sealed record SavedStart(SafeFileHandle File, UserThread? Spare) : IDisposable
{
    public void Dispose()
    {
        File.Dispose();
        Spare?.Dispose();
    }
}
