using System.Globalization;
using Microsoft.Win32.SafeHandles;
using Runcvm.Linux;
using Runcvm.Linux.Files;
using Runcvm.Linux.Processes;
using Runcvm.Protocol.Wire;
using Runcvm.Sandbox.SystemCalls;
using Runcvm.Sandbox;

namespace Runcvm.FileServing;

/// <summary>`runcvm serve-shares`: the file server, first on its way into its confinement, then in it.</summary>
internal static class ServeSharesVerb
{
    internal const string Name = "serve-shares";

    /// <summary>The number of the socket over which orders come.</summary>
    internal const int OrdersFile = 3;

    /// <param name="arguments">the capabilities that are kept, in hexadecimal; none where they are all that is
    /// left</param>
    internal static int Run(IReadOnlyList<string> arguments)
    {
        using var orders = new SafeFileHandle(OrdersFile, ownsHandle: true);
        if (FileStatus.TryOf(FileDescriptor.PathOf(orders), followLinks: true) is not { Kind: FileKind.Socket })
            throw new UsageException($"'{Name}' is what RunCVM's own parts call; see runcvm help");
        CurrentProcess.IgnoreBrokenPipes();
        CurrentProcess.IgnoreLeaseBreaks();
        try
        {
            if (arguments.Count > 0)
                FileServerConfinement.Enter(new CapabilitySet(ulong.Parse(arguments[0], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture)), ["runcvm", Name]);
            CurrentProcess.ForbidInspection();
            Serve(orders);
            return 0;
        }
        catch (Exception e) when (e is LinuxException or IOException or WireFormatException)
        {
            End(orders, new FileServingFailure(false, $"the shares cannot be served: {Reason.Of(e)}"));
            return 1;
        }
    }

    // Until the supervisor closes the socket, or ends.
    private static void Serve(SafeFileHandle orders)
    {
        var order = FileServingOrder.Receive(orders);
        if (order.Identity.IsCallers) BecomeCallers(order.Identity);
        // Nothing of the guest was read yet.
        SystemCallFilter.Of(FileServerCalls.List).Install(allThreads: true);
        var server = new ShareServer(order, failure => End(orders, failure));
        while (FileServingFiles.Receive(orders) is var (kind, file))
        {
            if (kind == FileServingFile.Stream) server.ServeStream(file);
            else if (kind == FileServingFile.Device) server.ServeDevice(file);
            else server.ServeRoots(file);
        }
    }

    // Before there are other threads, which then are the same.
    private static void BecomeCallers(FileServerIdentity identity)
        => CallerIdentity.Allow(identity.User, identity.Group, identity.Groups, identity.Capabilities);

    // On whatever thread: what the others are in the middle of can come to nothing any more.
    private static void End(SafeFileHandle orders, FileServingFailure failure)
    {
        try
        {
            failure.Send(orders);
        }
        catch (LinuxException)
        {
            // The supervisor has ended, and nobody else wants to know.
        }

        CurrentProcess.ExitAtOnce(1);
    }
}
