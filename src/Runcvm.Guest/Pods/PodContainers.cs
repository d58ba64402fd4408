using Microsoft.Win32.SafeHandles;
using Runcvm.Guest.Host;
using Runcvm.Guest.Shares;
using Runcvm.Linux;
using Runcvm.Linux.Events;
using Runcvm.Linux.Files;
using Runcvm.Protocol.Messages;

namespace Runcvm.Guest.Pods;

/// <summary>The containers of the pod, by the numbers of their first processes.</summary>
internal sealed class PodContainers(EventLoop loop, ControlChannel control, Func<SafeFileHandle?> podPids)
{
    private readonly Dictionary<uint, PodContainer> _containers = [];

    /// <summary>The container with this number; null where there is none any more.</summary>
    internal PodContainer? Find(uint id) => _containers.GetValueOrDefault(id);

    /// <summary>Makes one, and says whether it is ready.</summary>
    internal async Task AddAsync(AddContainer order)
    {
        StartFailed? failure;
        try
        {
            var container = new PodContainer(loop, order.Id, order.Container);
            _containers.Add(order.Id, container);
            failure = await container.PrepareAsync(PidsFor(order.Container));
        }
        catch (Exception e) when (e is LinuxException or IOException or UnauthorizedAccessException)
        {
            failure = new StartFailed(order.Id, 125, e.Message);
        }
        catch (ObjectDisposedException)
        {
            failure = new StartFailed(order.Id, 125, "the container was removed while it was made");
        }

        if (failure == null) await control.SendAsync(new Prepared(order.Id));
        else await control.SendAsync(failure);
    }

    /// <summary>Changes one, and says whether it could.</summary>
    internal async Task ChangeAsync(Change order)
    {
        string failure = "the container is not there any more";
        try
        {
            if (Find(order.Id) is { } container)
            {
                await container.ChangeAsync(order.Difference);
                failure = "";
            }
        }
        catch (Exception e) when (
            e is LinuxException or IOException or UnauthorizedAccessException or ObjectDisposedException)
        {
            failure = e.Message;
        }

        await control.SendAsync(new Changed(order.Id, failure));
    }

    /// <summary>Ends one, and says when nothing is left of it.</summary>
    internal async Task RemoveAsync(RemoveContainer order)
    {
        if (_containers.Remove(order.Id, out PodContainer? container))
        {
            try
            {
                await container.EndAsync();
                container.Dispose();
            }
            catch (Exception e) when (e is LinuxException or IOException or UnauthorizedAccessException)
            {
                await control.SendAsync(new Notice($"of container {order.Id} something is left: {e.Message}"));
            }
        }

        await control.SendAsync(new Removed(order.Id));
    }

    // Null where it is to have processes of its own, or those that it is to see are no more.
    private SafeFileHandle? PidsFor(ContainerSetup setup)
        => setup.ProcessesOf == 0 ? podPids() : Find(setup.ProcessesOf)?.Pids;

    /// <summary>Lets the kernel find out that shares are gone, upon which it forgets what it knows of them.</summary>
    internal static void Lose(LoseShares order)
    {
        foreach (uint share in order.Shares)
        {
            try
            {
                FileStatus.TryOf(SharedFolder.PathOf(share));
            }
            catch (LinuxException)
            {
                // Gone, in other words.
            }
        }
    }
}
