using System.Diagnostics;
using Microsoft.Win32.SafeHandles;
using Runcvm.Brokering;
using Runcvm.Linux.Events;
using Runcvm.Linux.Files;
using Runcvm.Linux.Sockets;
using Runcvm.Protocol.Messages;
using Runcvm.Sandbox;
using Runcvm.Supervisor;
using Runcvm.Tests.Protocol.Frames;

namespace Runcvm.Tests.Supervisor;

public class NetworkFollowerTests
{
    // An interface has no filters before the broker is asked.
    [Fact]
    public void A_change_right_after_another_waits_for_nothing()
    {
        var pair = new ConnectedPair();
        using var loop = new EventLoop();
        (SafeFileHandle events, SafeFileHandle kernel) = UnixSocket.Pair();
        (SafeFileHandle asking, SafeFileHandle broker) = UnixSocket.Pair();
        using SafeFileHandle theKernel = kernel;
        FileDescriptor.SetNonBlocking(events);
        int changes = 0;
        var follower = new NetworkFollower(
            loop, new GuestLink(pair.Host), events, new NetworkQuestions(AsyncFile.NonBlocking(loop, asking)),
            new Setup { ScratchDisk = "" }, guardsNames: false, () => changes++, new MachineLog(0));
        using AsyncFile desk = AsyncFile.NonBlocking(loop, broker);
        TimeSpan between = loop.Run(async () =>
        {
            Task run = follower.RunAsync();
            FileDescriptor.WriteAll(kernel, [1]);
            await desk.ReadAsync(new byte[1]);
            FileDescriptor.WriteAll(kernel, [1]);
            var clock = Stopwatch.StartNew();
            SizedMessage.Send(desk.Handle, NetworkAnswer.Of(null));
            await desk.ReadAsync(new byte[1]);
            TimeSpan elapsed = clock.Elapsed;
            follower.Dispose();
            await run;
            return elapsed;
        });
        Assert.InRange(between, TimeSpan.Zero, TimeSpan.FromSeconds(0.9));
        Assert.True(changes >= 2);
    }
}
