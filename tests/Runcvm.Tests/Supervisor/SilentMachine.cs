using Microsoft.Win32.SafeHandles;
using Runcvm.Linux.Events;
using Runcvm.Linux.Files;
using Runcvm.Linux.Processes;
using Runcvm.Machines;
using Runcvm.Supervisor;

namespace Runcvm.Tests.Supervisor;

/// <summary>A machine whose guest says nothing.</summary>
internal sealed class SilentMachine : IResettable, IReportsDiskErrors, ISavable
{
    private TaskCompletionSource<DiskError> _diskError = new();

    internal int Resets { get; private set; }

    public string Name => "the hypervisor";

    internal TaskCompletionSource<ExitStatus> End { get; } = new();

    /// <summary>Until then its hypervisor saves it.</summary>
    internal Task IsSaved { get; set; } = Task.CompletedTask;

    /// <summary>What becomes of a guest that is to go on.</summary>
    internal Action WhenContinued { get; init; } = static () => { };

    public Task<ExitStatus> Exited => End.Task;

    public Task<DiskError> DiskError => _diskError.Task;

    public Task BootsAgain => BootWatch.Never;

    public Task ResetAsync()
    {
        Resets++;
        return BootWatch.Never;
    }

    public Task<AsyncFile> Stream => throw new NotSupportedException();

    public Task<SafeFileHandle>? Shares => null;

    public AsyncFile Console => throw new NotSupportedException();

    public AsyncFile Errors => throw new NotSupportedException();

    public Task EndAtResetAsync() => BootWatch.Never;

    public Task ContinueAsync()
    {
        WhenContinued();
        return Task.CompletedTask;
    }

    public bool IsPlacedFirst => true;

    public int Cards => 2;

    public async Task SaveAsync(SafeFileHandle file)
    {
        await IsSaved;
        using (file) FileDescriptor.WriteAll(file, "machine"u8);
    }

    public Task LoadAsync() => throw new NotSupportedException();

    internal void Fail(DiskError error)
    {
        TaskCompletionSource<DiskError> reported = _diskError;
        _diskError = new TaskCompletionSource<DiskError>();
        reported.SetResult(error);
    }

    public string DiskName(string serial) => throw new NotSupportedException();

    public string Explain(string lines) => lines;

    public void Kill()
    {
    }

    public void Dispose()
    {
    }
}
