/** What is taken for a secret, and what is not. Secrets are put together here so that no scanner takes this file for a leak. */
import { describe, expect, it, test } from 'vitest';
import { secretKindOf } from '../../../src/provenance/secret-names';
import { isSecretName, lineRedactor, redactArguments, redactNamed, redactText, secretIn, secretsIn } from '../../../src/provenance/secrets';

const join = (...parts: string[]): string => parts.join('');
const random = (length: number, alphabet = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789'): string =>
  // Fixed, but without a pattern: a multiplicative generator.
  Array.from({ length }, (_, index) => alphabet[Math.floor((((index + 3) * 7919 * 104_729 + index * index * 31) % 9973) / 9973 * alphabet.length)]).join('');
const hex = (length: number): string => random(length, '0123456789abcdef');

describe('secrets are found and replaced', () => {
  const password = join('hunt', 'er22');
  test.each<[string, string, string]>([
    ['a private key', `-----BEGIN RSA ${'PRIVATE KEY'}-----\n@@\n-----END RSA ${'PRIVATE KEY'}-----`, `${random(64)}\n${random(60)}`],
    ['a private key in JSON', `{"private_key": "-----BEGIN ${'PRIVATE KEY'}-----\\n@@\\n-----END ${'PRIVATE KEY'}-----\\n"}`, random(64)],
    ['a key of kubeconfig', '    client-key-data: @@\n', join('LS0tLS1', 'CRUdJTiBSU0E', random(60))],
    ['a tracking token', 'View run at: http://127.0.0.1:5001/@@/run/ab12/#/experiments/0', random(43)],
    ['an AWS key', 'aws_access_key_id = @@', join('AKIA', 'IOSFODNN7', 'EXAMPLE')],
    ['an AWS secret', 'aws_secret_access_key = @@', join(random(30), '/+', random(8))],
    ['a GitHub token', 'git clone https://@@@github.com/a/b', join('ghp', '_', random(36))],
    ['a GitLab token', 'TOKEN=@@', join('glpat', '-', random(20))],
    ['a Slack token', 'slack("@@")', join('xoxb', '-', '1234567890-', random(20))],
    ['a Hugging Face token', 'login("@@")', join('hf', '_', random(34))],
    ['an OpenAI key', 'client = OpenAI("@@")', join('sk', '-proj-', random(40))],
    ['an Anthropic key', 'k: @@', join('sk', '-ant-', 'api03-', random(80))],
    ['a Google key', 'maps(@@)', join('AI', 'za', random(35))],
    ['an npm token', '//registry.npmjs.org/:_authToken=@@', join('npm', '_', random(36))],
    ['a PyPI token', 'password = @@', join('pypi', '-AgEIcHlwaS5vcmc', random(40))],
    ['a signed web token', 'cookie: @@', join('ey', 'J', random(20), '.ey', 'J', random(30), '.', random(30))],
    ['a Weights & Biases key', 'wandb.login(key="@@")', hex(40)],
    ['a header', "headers={'Authorization': 'Bearer @@'}", random(32)],
    ['basic authorization', 'curl -H "Authorization: Basic @@"', `${random(23)}1=`],
    ['a connection string', 'postgresql://trainer:@@@db.example.org:5432/runs', password],
    ['one without a user', 'redis://:@@@cache:6379/0', password],
    ['an address with a token', 'https://@@@git.example.org/a.git', `${random(20)}9x`],
    ['a storage key', 'DefaultEndpointsProtocol=https;AccountName=a;AccountKey=@@;', `${random(86)}==`],
    ['a signed address', 'https://a.blob.core.windows.net/c/f?sv=2022&sig=@@', `${random(40)}%3D`],
    ['netrc', 'machine example.org login me password @@', password],
    ['a registry login', '{"auths": {"r": {"auth": "@@"}}}', `${random(24)}==`],
    ['a Kaggle key', '{"username":"me","key":"@@"}', hex(32)],
    ['a password in Python', 'conn = connect(user="me", password="@@")', password],
    ['a password in YAML', 'db:\n  password: @@\n', password],
    ['a password in INI', 'passwd=@@\n', password],
    ['a passphrase', 'passphrase = "@@"', 'correct horse 4 battery'],
    ['a password of letters', 'PASSWORD = "@@"', 'correcthorsebattery'],
    ['an API key', 'API_KEY = "@@"', random(24)],
    ['an API key with a dash', 'x-api-key: @@', random(32)],
    ['an API key of a UUID', 'heroku_api_key: "@@"', '12f9ac31-bd42-4c3f-9e1b-5a0c6d7e8f90'],
    ['a client secret', '"clientSecret": "@@"', random(32)],
    ['os.environ', 'os.environ["COMET_API_KEY"] = "@@"', random(25)],
    ['setdefault', 'os.environ.setdefault("SERVICE_API_KEY", "@@")', random(25)],
    ['a notebook', '"source": ["api_key = \\"@@\\"\\n"]', random(32)],
    ['JavaScript', "const apiKey = '@@';", random(32)],
    ['an access token', 'access_token: @@', random(40)],
    ['a shell line', 'export SECRET_KEY=@@', random(20)],
    ['an option', 'python train.py --api-key @@ --epochs 3', random(24)],
    ['an option with =', 'tool --password=@@', password],
    ['a query', 'GET /x?user=me&password=@@&page=2', password],
    ['a comment', '# old password: @@', password],
  ])('%s', (_, template, secret) => {
    const text = template.replace('@@', () => secret);
    const clean = redactText(`before\n${text}\nafter`);
    for (const part of secret.split('\n')) expect(clean).not.toContain(part);
    expect(clean).toMatch(/^before\n[\s\S]*\[withheld: an? [\s\S]*\nafter$/u);
    expect(secretIn(text)).not.toBeNull();
    // Once is enough.
    expect(redactText(clean)).toBe(clean);
  });

  it('names each with its place, without overlaps', () => {
    const text = `password="${password}1" and api_key="${random(24)}"`;
    const found = secretsIn(text);
    expect(found.map(({ what, start, end }) => [what, text.slice(start, end)])).toEqual([['a password', `${password}1`], ['an API key', random(24)]]);
  });
});

/** Ordinary lines of ML programs, configs, notebooks and lock files. */
const HARMLESS = String.raw`
token = tokenizer(text, return_tensors="pt")
tokens = tokenizer.encode("[CLS] hello [SEP]")
pad_token = "[PAD]"; eos_token: "<|endoftext|>"; mask_token="<mask>"
tokenizer.add_special_tokens({"pad_token": "<|finetune_right_pad_id|>", "additional_special_tokens": ["<|im_start|>"]})
key = jax.random.PRNGKey(0)
key, subkey = jax.random.split(key)
dropout_key = random.fold_in(key, step)
state_dict_key = "model.layers.10.self_attn.q_proj.weight"
sort_key = lambda item: item[1]
cache_key = f"{name}-{sha256(config).hexdigest()}"
primary_key: user_id
num_tokens = 4096
max_tokens: 8192
tokens_per_second = 123456.789
token_type_ids = batch["token_type_ids"]
cls_token: vit_base_patch16_224
mask_token_id = 103
token_dropout_probability = 0.1234567890123456
next_token_logits = outputs.logits[:, -1, :]
image_token = "<image_placeholder_00000001>"
query_key_value = nn.Linear(768, 2304)
attn_key = torch.randn(16, 12, 128, 64)
api_key = os.environ["OPENAI_API_KEY"]
api_key=os.getenv("WANDB_API_KEY")
API_KEY = "YOUR_API_KEY"
api_key: ${'$'}{env:API_KEY}
password = getpass.getpass("Password: ")
password = args.password
password: Optional[str] = None
def connect(user, password=None, token=None, secret_name="train/db-credentials-v2"):
parser.add_argument("--password", help="password of the database", default=None)
parser.add_argument("--hf-token", type=str, default=os.environ.get("HF_TOKEN"))
secret = get_secret("projects/123456/secrets/hf-token/versions/1")
run = wandb.init(project="resnet50-cifar100", id="3kfj29dk")
commit = "9f8e7d6c5b4a39281706f5e4d3c2b1a098765432"
model_sha = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
"integrity": "sha512-abcDEF0123456789+/abcDEF0123456789+/abcDEF0123456789+/abcDEF0123456789==",
{ url = "https://files.pythonhosted.org/packages/3a/02/numpy-1.26.4.tar.gz", hash = "sha256:2a02aba9ed12e4ac4eb3ea9421c420301a0c6460d9830d74a9df87efa4912010" }
content-hash = "5d41402abc4b2a76b9719d911017c5925d41402abc4b2a76b9719d911017c592"
numpy==1.26.4 --hash=sha256:2a02aba9ed12e4ac4eb3ea9421c420301a0c6460d9830d74a9df87efa4912010
"image/png": "iVBORw0KGgoAAAANSUhEUgAAAoAAAAHgCAYAAAA10dzkAAAAOXRFWHRTb2Z0d2FyZQBNYXRwbG90bGli"
git remote add origin git@github.com:user/repo.git
url = "https://huggingface.co/datasets/mnist/resolve/main/train-00000-of-00001.parquet?download=true"
dsn = f"postgresql://{user}:{password}@{host}/db"
dsn = "postgresql://user:password@localhost/db"
redis_url: redis://localhost:6379/0
--tokenizer_name bert-base-uncased --token_budget 200000
secret_santa = True
credential_path = "/etc/service/credentials.json"
x_api_key_header = APIKeyHeader(name="x-api-key")
Authorization: Bearer <token>
headers = {"Authorization": f"Bearer {token}"}
uuid = "12f9ac31-bd42-4c3f-9e1b-5a0c6d7e8f90"
seed: 1234567890; access_key_order: [0, 1, 2]
vocab = {"password": 12345, "secret": 4312, "token": 991, "api_key": 17}
labels = ["password", "username123", "token"]
task: skip-gram, risk-sk-learn-pipeline-with-a-very-long-name-in-it-that-goes-on
bpe_token="Ġtransformer12layer"
`;

describe('ordinary machine-learning text', () => {
  it('has no false alarm', () => {
    expect(secretsIn(HARMLESS).map(({ what, start, end }) => `${what}: ${HARMLESS.slice(Math.max(0, start - 30), end)}`)).toEqual([]);
    expect(redactText(HARMLESS)).toBe(HARMLESS);
    // Line by line as well.
    const redact = lineRedactor();
    for (const line of HARMLESS.split('\n')) expect(redact(line)).toBe(line);
  });

  test.each(['tokenizer.json', 'tokens.txt.gz', 'src/secrets.py', 'credentials_test.py', 'password_strength.ipynb', '.env.example', 'environment.yml', 'requirements.txt', 'keys.csv', 'token_classification/train.py'])('%s is no secret name', (name) => {
    expect(isSecretName(name)).toBe(false);
  });

  test.each<[string, ReturnType<typeof secretKindOf>]>([
    ['DB_PASSWORD', 'password'], ['smtpPass', 'password'], ['pass', null], ['api-key', 'key'], ['openai.apiKey', 'key'], ['SECRET_KEY_2', 'key'], ['HF_TOKEN', 'token'], ['github_pat', 'token'],
    ['pad_token', null], ['max_tokens', null], ['key', null], ['sort_key', null], ['secret_name', null], ['token_ids', null], ['public_key_token', null], ['PRNGKey', null],
  ])('the name %s promises %s', (name, kind) => {
    expect(secretKindOf(name)).toBe(kind);
  });
});

describe('what a run shows', () => {
  it('values under a telling name go whole, whatever their shape', () => {
    expect(redactNamed('DB_PASSWORD', 'qwe')).toBe('[withheld: a password]');
    expect(redactNamed('api_key', 'qwe')).toBe('[withheld: an API key]');
    expect(redactNamed('HF_TOKEN', 'abc123def456')).toBe('[withheld: a token]');
    expect(redactNamed('pad_token', '[PAD]')).toBe('[PAD]');
    expect(redactNamed('LR', '0.1')).toBe('0.1');
    expect(redactNamed('PASSWORD', '')).toBe('');
  });

  it('arguments lose what follows a telling option', () => {
    expect(redactArguments(['python', 'train.py', '--password', 'qwe', '--lr=0.1', '--token=abc123def456', '--api-key', '--flag', `--url=redis://:${join('hunt', 'er22')}@h`])).toEqual([
      'python', 'train.py', '--password', '[withheld: a password]', '--lr=0.1', '--token=[withheld: a token]', '--api-key', '--flag', '--url=redis://:[withheld: an address with a password]@h',
    ]);
  });

  it('a key that is printed line by line is withheld to its end', () => {
    const redact = lineRedactor();
    const lines = [`-----BEGIN OPENSSH ${'PRIVATE KEY'}-----`, random(70), random(44), `-----END OPENSSH ${'PRIVATE KEY'}-----`, 'epoch 1: loss 0.5'];
    expect(lines.map((line) => redact(line))).toEqual([lines[0], '[withheld: a private key]', '[withheld: a private key]', '[withheld: a private key]', 'epoch 1: loss 0.5']);
    // One whose end never comes does not swallow the rest.
    expect([`-----BEGIN ${'PRIVATE KEY'}-----`, random(64), 'epoch 2: loss 0.4', random(64)].map((line) => redact(line)).slice(2)).toEqual(['epoch 2: loss 0.4', random(64)]);
  });

  it('is looked through in time that grows with its length', () => {
    const text = 'token = tokenizer(secret_santa); password: Optional[str]; https://a:b '.repeat(20_000);
    const start = performance.now();
    expect(secretsIn(text)).toEqual([]);
    expect(performance.now() - start).toBeLessThan(4000);
  });

  it.each(['eyJ', 'eyJ-', 'eyJ.', 'eyJ-eyJ-eyJ-.eyJ.'])('is not held up by a megabyte of %s', (part) => {
    // By the square of its length it would take minutes, far past any bound on a test.
    expect(secretsIn(part.repeat(2 ** 20 / part.length))).toEqual([]);
  }, 30_000);

  it('finds a signed web token behind a hyphen or dot, and where others only begin', () => {
    const token = join('ey', 'J', random(20), '.ey', 'J', random(30), '.', random(30));
    for (const before of ['', 'id-', 'a.', 'ey-', 'eyJ012.']) expect(redactText(`${before}${token} done`)).toBe(`${before}[withheld: a signed web token] done`);
    expect(secretsIn(`${token.split('.').slice(0, 2).join('.')}. done`)).toEqual([]);
  });
});
