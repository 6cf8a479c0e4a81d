using UnifiedMemory.Containers;

namespace UnifiedMemory.Tests.LocalServers;

public sealed class ContainerPasswordTests : LocalPostgresFixture
{
    [Test]
    public async Task All_who_ask_for_the_kept_password_at_once_get_the_same_whole_one()
    {
        // Many rounds: in one, the first has often written before the second looks.
        for (var round = 0; round < 200; round++)
        {
            var directory = Path.Combine(Directory, $"{round}");
            using var start = new Barrier(4);
            var passwords = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Factory.StartNew(
                () =>
                {
                    start.SignalAndWait();
                    return ContainerServer.KeptPasswordAsync(directory, TimeSpan.FromMinutes(1), TimeProvider.System, CancellationToken.None);
                },
                CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default).Unwrap()));

            Assert.That(passwords.Distinct().Single(), Has.Length.EqualTo(32));
            Assert.That(System.IO.Directory.GetFiles(directory, "*.unfinished"), Is.Empty);
            var file = Path.Combine(directory, "container-password");
            Assert.That(await File.ReadAllTextAsync(file), Is.EqualTo(passwords[0]));
            if (!OperatingSystem.IsWindows())
                Assert.That(File.GetUnixFileMode(file), Is.EqualTo(UnixFileMode.UserRead | UnixFileMode.UserWrite));
        }
    }
}
