"""Two towers: recommendations by the angle between two vectors.

One tower turns a user into a vector, the other an article; they meet only in a scalar product. So once trained, the
articles' vectors are computed once and kept, and to recommend is one product of matrices, for any number of articles.
"""

import numpy as np

from fastnn import Input, Model, Sequential, layers, metrics, utils

utils.set_random_seed(0)
rng = np.random.default_rng(0)

USERS, ARTICLES, TOPICS, CLICKS = 200, 300, 5, 30000

# The truth: a user cares for some topics, an article is about some, and what agrees is clicked.
interests = rng.dirichlet(np.full(TOPICS, 0.3), USERS)
about = rng.dirichlet(np.full(TOPICS, 0.3), ARTICLES)
agreement = interests @ about.T
words = about @ rng.normal(size=(TOPICS, 20)) + rng.normal(0, 0.1, (ARTICLES, 20))  # what is known of an article

user, article = rng.integers(USERS, size=CLICKS), rng.integers(ARTICLES, size=CLICKS)
clicked = rng.random(CLICKS) < agreement[user, article]

user_tower = Sequential(
    [Input((1,), dtype="int32"), layers.Embedding(USERS, 16), layers.Flatten(), layers.Dense(16)], name="users"
)
article_tower = Sequential([Input((20,)), layers.Dense(32, activation="relu"), layers.Dense(16)], name="articles")

user_in, words_in = Input((1,), dtype="int32", name="user"), Input((20,), name="words")
score = layers.Dot(axes=1)([user_tower(user_in), article_tower(words_in)])
model = Model([user_in, words_in], layers.Activation("sigmoid")(score))
model.compile(optimizer="adam", loss="binary_crossentropy", metrics=["auc"])
model.fit([user[:25000, None], words[article[:25000]]], clicked[:25000], epochs=10, batch_size=64, verbose=0)
auc = model.evaluate([user[25000:, None], words[article[25000:]]], clicked[25000:], return_dict=True, verbose=0)["auc"]

users = user_tower.predict(np.arange(USERS)[:, None], verbose=0)
articles = article_tower.predict(words, verbose=0)
best = np.argsort(-users @ articles.T, axis=1)[:, :10]
recommended = np.take_along_axis(agreement, best, axis=1).mean()
possible = np.sort(agreement, axis=1)[:, -10:].mean()

ceiling = float(metrics.AUC()(clicked[25000:], agreement[user[25000:], article[25000:]]))
print(f"area under the ROC curve for new clicks: {auc:.3f}; of who knew the truth: {ceiling:.3f}")
print(f"chance of a click: {agreement.mean():.1%} for any article, {recommended:.1%} for the ten recommended,")
print(f"  {possible:.1%} for the ten best that there are")

assert auc > ceiling - 0.05, f"expected an area under the curve near {ceiling:.3f}, got {auc:.3f}"
assert recommended > 0.85 * possible, f"expected clicks near {possible:.1%}, got {recommended:.1%}"
