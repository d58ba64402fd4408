using System.Globalization;
using Microsoft.Win32.SafeHandles;
using Runcvm.Linux;
using Runcvm.Linux.Events;
using Runcvm.Linux.Files;
using Runcvm.Linux.Processes;
using Runcvm.Linux.Sockets;
using Runcvm.Sandbox;

namespace Runcvm.FileServing;

/// <summary>The supervisor's side of the file server. It ends with this process, which is the first of its PID
/// namespace, and when
/// the socket of its orders is closed.</summary>
internal sealed class FileServerProcess : IDisposable
{
    private readonly ChildProcess _process;
    private readonly SafeFileHandle _orders;

    private FileServerProcess(ChildProcess process, SafeFileHandle orders) => (_process, _orders) = (process, orders);

    /// <summary>Starts it and does not wait for it: it confines itself and opens the shares while the network is
    /// made.</summary>
    internal static FileServerProcess Start(MachineDescription description)
    {
        (SafeFileHandle orders, SafeFileHandle theirs) = UnixSocket.Pair();
        using (theirs)
        {
            ChildProcess process = StartProgram(description.FileServer.ToBegin, theirs);
            FileServingOrder.Of(description).Send(orders);
            return new FileServerProcess(process, orders);
        }
    }

    // In a PID namespace of its own: it can neither signal nor name another process of the sandbox.
    private static ChildProcess StartProgram(CapabilitySet kept, SafeFileHandle orders)
    {
        using SafeFileHandle nothing = FileDescriptor.Open("/dev/null", OpenFlags.ReadWrite);
        using var starter = new UserThread(Namespaces.Pid);
        return starter.Run(() => ChildProcess.Start(
            SandboxSpec.Program,
            ["runcvm", ServeSharesVerb.Name, kept.Bits.ToString("x", CultureInfo.InvariantCulture)],
            [],
            [(0, nothing), (1, nothing), (2, nothing), (ServeSharesVerb.OrdersFile, orders)]));
    }

    /// <summary>Hands on the files over which it serves, which this process then has no longer. Throws the reason when
    /// no share can be served
    /// any more, and does not end otherwise.</summary>
    /// <param name="loop">on which this waits</param>
    /// <param name="device">to the hypervisor, where it has such a device</param>
    /// <param name="stream">to the guest</param>
    /// <param name="roots">takes roots that come and go, if any do</param>
    internal async Task ServeAsync(
        EventLoop loop, SafeFileHandle? device, Task<SafeFileHandle> stream, SafeFileHandle? roots = null)
    {
        Task failed = FailedAsync(loop);
        Task handing = HandOnAsync(device, stream, roots);
        if (await Task.WhenAny(failed, handing) == handing) await handing;
        await failed;
    }

    private async Task HandOnAsync(
        SafeFileHandle? device, Task<SafeFileHandle> stream, SafeFileHandle? roots)
    {
        try
        {
            HandOn(FileServingFile.Stream, await stream);
            if (device != null) HandOn(FileServingFile.Device, device);
            if (roots != null) HandOn(FileServingFile.Roots, roots);
        }
        catch (LinuxException e) when (e.Errno is Errno.EPIPE or Errno.ECONNRESET)
        {
            // It has ended; it has said why, or its exit status does.
        }
    }

    private void HandOn(FileServingFile kind, SafeFileHandle file)
    {
        using (file) FileServingFiles.Send(_orders, kind, file);
    }

    private async Task FailedAsync(EventLoop loop)
    {
        using var orders = AsyncFile.NonBlocking(loop, FileDescriptor.Duplicate(_orders));
        byte[] said = new byte[FileServingFailure.MostBytes];
        int length = 0;
        try
        {
            for (int got; length < said.Length && (got = await orders.ReadAsync(said.AsMemory(length))) > 0;) length += got;
        }
        catch (LinuxException e) when (e.Errno == Errno.ECONNRESET)
        {
            // It ended before it read its order.
        }

        if (FileServingFailure.Read(said.AsSpan(0, length)) is { } failure) throw failure.ToException();
        ExitStatus status = await AsyncFile.WaitForExitAsync(loop, _process);
        throw new UsageException(status.Signal != 0
            ? $"the file server was killed by signal {status.Signal}"
            : $"the file server ended with code {status.Code} before the machine");
    }

    /// <summary>Ends the process.</summary>
    public void Dispose()
    {
        _orders.Dispose();
        _process.Dispose();
    }
}
